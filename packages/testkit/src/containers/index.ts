export { dockerEngineAnswers, runServices, type RunServicesOptions } from './run-services.js';
export {
  startServiceContainers,
  type ServiceContainers,
  type StartServiceContainersOptions,
} from './start-service-containers.js';
export { composeServices, type ComposeService } from './compose-file.js';
